import { existsSync, readdirSync } from 'node:fs'

/** The TypeScript files of these folders, as paths with `/`. */
export function sourceFiles(...folders) {
  return folders.filter(existsSync).flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .map((name) => `${folder}/${name.replaceAll('\\', '/')}`)
      .filter((path) => path.endsWith('.ts'))
      .sort(),
  )
}

/** Blanks the comments of a source; strings stay, lines keep their numbers. */
export function withoutComments(source) {
  const token = /\/\*[\s\S]*?\*\/|\/\/.*|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"|`(?:\\.|[^`\\])*`/g
  return source.replace(token, (text) => (text.startsWith('/') ? text.replace(/[^\n]/g, ' ') : text))
}
