export declare function imageBuild(
  root: string,
  folders: Readonly<Record<string, string>>,
): Promise<{ files: string[]; commands: string[] }>;
