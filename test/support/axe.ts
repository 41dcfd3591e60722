import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'

const source = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

/**
 * What axe-core finds wrong on the page as it is now: rule and place, one line each. Rules that are not of WCAG but of good practice
 * are asked, too.
 */
export async function axeFindings(page: Page): Promise<string[]> {
  // The page's policy lets no script of others in; evaluate is not bound by it.
  await page.evaluate(source)
  return page.evaluate(async () => {
    interface Finding {
      readonly id: string
      readonly nodes: readonly { readonly target: unknown; readonly html: string }[]
    }
    const { axe } = globalThis as unknown as {
      axe: { run(options: object): Promise<{ violations: readonly Finding[] }> }
    }
    const { violations } = await axe.run({
      runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice', 'experimental']
    })
    return violations.flatMap(({ id, nodes }) =>
      nodes.slice(0, 3).map(({ target, html }) => `${id} at ${String(target)}: ${html.slice(0, 120)}`)
    )
  })
}
