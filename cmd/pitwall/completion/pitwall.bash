# Completion of pitwall for bash: source <(pitwall completion bash)
_pitwall() {
  COMPREPLY=()
  local program="${COMP_WORDS[0]/#\~/${HOME-}}" line
  while IFS= read -r line; do
    line="${line%%$'\t'*}"
    # bash replaces only what follows the = of a flag.
    if [[ $line == --*=* && $COMP_WORDBREAKS == *=* ]]; then line="${line#*=}"; fi
    COMPREPLY+=("$line")
  done < <("$program" __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o bashdefault -o default -F _pitwall pitwall
