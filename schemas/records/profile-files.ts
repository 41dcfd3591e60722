import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { packageRoot } from '../package-root.ts'

/** The folder of the profiles that come with the program. */
export const shippedProfiles: string = join(packageRoot, 'schemas', 'profiles')

/** Every *.yaml of the folders, each folder's in order of name: what compileProfiles takes. Rejects where one cannot be read. */
export async function readProfileFiles(
  folders: readonly string[] = [shippedProfiles]
): Promise<readonly { readonly file: string; readonly text: string }[]> {
  const files: { file: string; text: string }[] = []
  for (const folder of folders) {
    const names = (await readdir(folder)).filter(name => /\.ya?ml$/.test(name)).sort()
    for (const name of names) {
      const file = join(folder, name)
      files.push({ file, text: await readFile(file, 'utf8') })
    }
  }
  return files
}
