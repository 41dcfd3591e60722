import { describe, expect, it } from 'vitest'
import { formatsMax, formsHeap, formsPlaces, formsRoots, formsSets, setsMax } from '../memory/map.ts'
import { formatsByNumber, kernelFormats, numberOfKernelFormat } from './kernel-formats.ts'

const named = (numbers: readonly number[]): Record<string, number> =>
  Object.fromEntries(numbers.map((number, i) => [`format${i}`, number]))

describe('the formats that the kernel reads', () => {
  it('are numbered as they lie in its memory', () => {
    expect(kernelFormats).toEqual(['telegraf', 'gnmic', 'zabbix', 'canonical'])
    expect(kernelFormats.map(numberOfKernelFormat)).toEqual([0, 1, 2, 3])
  })

  it('have room of their own for each in its memory', () => {
    expect(formsRoots - formsPlaces).toBe(formatsMax * 4)
    expect(formsSets - formsRoots).toBe(formatsMax * 4)
    expect(formsHeap - formsSets).toBe(setsMax * 4)
  })

  it('are refused where one more would write over another', () => {
    const all = Array.from({ length: formatsMax }, (_, i) => i)
    expect(formatsByNumber(named(all))).toHaveLength(formatsMax)
    expect(() => formatsByNumber(named([...all, formatsMax]))).toThrow(/room for 0 to 7/)
    expect(() => formatsByNumber(named([0, 1, 1]))).toThrow(/same number 1/)
    expect(() => formatsByNumber(named([0, 2]))).toThrow(/without a gap/)
    expect(() => formatsByNumber(named([-1]))).toThrow(RangeError)
  })
})
