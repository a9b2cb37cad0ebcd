export declare function checkLicences(folder: string): Promise<number>;
export declare function checkVulnerabilities(folder: string): Promise<string>;
export declare function checkFollowsLock(folder: string): Promise<number>;
