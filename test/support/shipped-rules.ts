import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { compileRules } from '../../rules/compile.ts'
import { rulesDoc } from '../../rules/document.ts'
import { rulesJsonSchema } from '../../rules/reading/json-schema.ts'
import { shippedRulesFiles } from '../../rules/shipped.ts'
import { packageRoot } from '../../schemas/package-root.ts'

/** docs/shipped-rules.md, as the shipped files make it. */
export const shippedRulesDoc = (): string =>
  rulesDoc(
    compileRules(
      shippedRulesFiles.map(file => ({ file, text: readFileSync(join(packageRoot, file), 'utf8') }))
    )
  )

/** docs/rules.schema.json, for editors. */
export const rulesSchemaDoc = (): string => `${JSON.stringify(rulesJsonSchema(), null, 2)}\n`
