/**
 * Completion scripts. Each calls `subagents __complete`, which prints a candidate per line, with a tab before its
 * description. A first line `:files` means file names, too.
 */

const BASH = `# bash completion for subagents. To install it: subagents completion bash > ~/.local/share/bash-completion/completions/subagents
_subagents() {
  local IFS=$'\\n' candidates
  candidates=$(subagents __complete "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null | cut -f1)
  COMPREPLY=()
  if [[ $candidates == ':files' ]]; then
    compopt -o default 2>/dev/null
  elif [[ $candidates == ':files'* ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=(\${candidates#:files} $(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
  else
    COMPREPLY=($candidates)
  fi
}
# Session names may contain ':': it must not split a word.
COMP_WORDBREAKS=\${COMP_WORDBREAKS//:/}
complete -F _subagents subagents
`;

const ZSH = `#compdef subagents
# zsh completion for subagents. To install it: subagents completion zsh > "\${fpath[1]}/_subagents"
_subagents() {
  local -a candidates
  local line files ret=1
  while IFS=$'\\t' read -r line description; do
    if [[ $line == ':files' ]]; then files=1; continue; fi
    candidates+=("\${line//:/\\\\:}\${description:+:$description}")
  done < <(subagents __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)
  _describe 'subagents' candidates && ret=0
  [[ -n $files ]] && _files && ret=0
  return ret
}
if [ "$funcstack[1]" = "_subagents" ]; then
  _subagents "$@"
else
  compdef _subagents subagents
fi
`;

const FISH = `# fish completion for subagents. To install it: subagents completion fish > ~/.config/fish/completions/subagents.fish
function __subagents_complete
  set -l words (commandline -opc) (commandline -ct)
  set -l candidates (subagents __complete $words[2..-1] 2>/dev/null)
  if test "$candidates[1]" = ':files'
    __fish_complete_path (commandline -ct)
    set -e candidates[1]
  end
  set -q candidates[1]; and printf '%s\\n' $candidates
end
complete -c subagents -f -a '(__subagents_complete)'
`;

/** The scripts by shell. */
export const SCRIPTS = { bash: BASH, zsh: ZSH, fish: FISH } as const;
/** A shell with a completion script. */
export type Shell = keyof typeof SCRIPTS;
