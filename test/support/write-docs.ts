import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { configurationDoc } from '../../schemas/config/documentation.ts'
import { packageRoot } from '../../schemas/package-root.ts'
import { metricsDoc } from '../../status/http/metrics.ts'
import { everyMetric } from './every-metric.ts'
import { rulesSchemaDoc, shippedRulesDoc } from './shipped-rules.ts'

/** `npm run docs`: writes the pages of docs/ that are made from the sources. */
writeFileSync(join(packageRoot, 'docs', 'configuration.md'), configurationDoc())
writeFileSync(join(packageRoot, 'docs', 'metrics.md'), metricsDoc(everyMetric()))
writeFileSync(join(packageRoot, 'docs', 'shipped-rules.md'), shippedRulesDoc())
writeFileSync(join(packageRoot, 'docs', 'rules.schema.json'), rulesSchemaDoc())
