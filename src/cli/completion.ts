// `completion SHELL`: a script that completes commands and flags, made from the commands themselves.

import { Argument, type Command } from 'commander'
import { print } from './terminal.ts'

const NAME = 'openwhisk-standalone'

export function register(program: Command): void {
  program
    .command('completion')
    .description('print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(['bash', 'zsh', 'fish']))
    .action((shell: string) => print(scriptFor(shell, wordsOf(program))))
}

/** What may follow a command: by the words of the command, the next ones. */
type Words = ReadonlyMap<string, readonly string[]>

function wordsOf(program: Command): Words {
  const words = new Map<string, readonly string[]>()
  const visit = (command: Command, path: readonly string[]) => {
    const flags = command.options.filter(option => !option.hidden).flatMap(option => option.long ?? [])
    words.set(path.join(' '), [...command.commands.map(sub => sub.name()), ...flags, '--help'])
    for (const sub of command.commands) visit(sub, [...path, sub.name()])
  }
  visit(program, [])
  // The default command's flags may stand without its name.
  words.set('', [...new Set([...(words.get('') ?? []), ...(words.get('start') ?? [])])])
  return words
}

export function scriptFor(shell: string, words: Words): string {
  return shell === 'fish' ? fish(words) : shell === 'zsh' ? `#compdef ${NAME}\n${zsh(words)}` : bash(words)
}

function cases(words: Words): string {
  return [...words]
    .filter(([path]) => path !== '')
    .map(([path, next]) => `    "${path}"|"${path} "*) words="${next.join(' ')}";;`)
    .sort((a, b) => b.length - a.length)
    .join('\n')
}

function bash(words: Words): string {
  return `_openwhisk_standalone() {
  local words cur="\${COMP_WORDS[COMP_CWORD]}"
  local typed="\${COMP_WORDS[*]:1:COMP_CWORD-1}"
  words="${(words.get('') ?? []).join(' ')}"
  case "$typed" in
${cases(words)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _openwhisk_standalone ${NAME}`
}

function zsh(words: Words): string {
  return `_openwhisk_standalone() {
  local list typed="\${words[2,CURRENT-1]}"
  local -a candidates
  candidates=(${(words.get('') ?? []).join(' ')})
  case "$typed" in
${cases(words).replace(/words="([^"]*)"/g, 'candidates=($1)')}
  esac
  compadd -- $candidates || _files
}
compdef _openwhisk_standalone ${NAME}`
}

function fish(words: Words): string {
  const lines = [...words].flatMap(([path, next]) => {
    const condition =
      path === ''
        ? '__fish_use_subcommand'
        : path
            .split(' ')
            .map(word => `__fish_seen_subcommand_from ${word}`)
            .join('; and ')
    return next.map(word =>
      word.startsWith('--')
        ? `complete -c ${NAME} -n '${condition}' -l ${word.slice(2)}`
        : `complete -c ${NAME} -n '${condition}' -f -a ${word}`,
    )
  })
  return lines.join('\n')
}
