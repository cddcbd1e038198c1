import { appendFile, open, readFile, unlink } from 'node:fs/promises'
import type { Files } from '../../core/env.ts'

/** Files of the operating system. */
export const systemFiles: Files = {
  read: (path) => readFile(path),
  append: (path, bytes) => appendFile(path, bytes),
  async sync(path) {
    const file = await open(path, 'r')
    try {
      await file.sync()
    } finally {
      await file.close()
    }
  },
  remove: (path) => unlink(path),
}
