# Completion of pitwall for fish: pitwall completion fish | source
function __pitwall_complete
    set -l before (commandline -opc)
    set -l current (commandline -ct)
    set -l program $before[1]
    set -e before[1]
    set -l found ($program __complete $before "$current" 2>/dev/null)
    if test (count $found) -gt 0
        printf '%s\n' $found
    else
        __fish_complete_path "$current"
    end
end
complete -c pitwall -e
complete -c pitwall -k -f -a '(__pitwall_complete)'
