#compdef pitwall
# Completion of pitwall for zsh: source <(pitwall completion zsh), after compinit
_pitwall() {
  local -a values
  local line
  for line in "${(@f)$("${words[1]}" __complete "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && values+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( ${#values} )); then
    _describe pitwall values
  else
    _files
  fi
}
compdef _pitwall pitwall
