/**
 * Everything that can go wrong around the library, under load: a key server that fails in every way, certificates, a proxy,
 * rotations, floods, stampedes, a clock that jumps. Fails where more is lost than the documentation says.
 *
 *     npm run test:chaos
 *     npm run test:chaos -- --only outages
 */

const { parseArgs } = require('node:util')
const { certificates, setEnvironment } = require('./certificates')
const { jumps } = require('./clock')
const { outages } = require('./outages')
const { floods, rotations } = require('./rotations')
const { stampedes } = require('./stampedes')
const { printTable } = require('./table')

/**
 * @typedef {{ after(close: () => unknown): void }} Closing
 * @typedef {ReturnType<typeof newReport>} Report
 * @typedef {Awaited<ReturnType<typeof setEnvironment>> & { t: Closing, report: Report }} World
 * @typedef {(world: World) => Promise<void>} Scenario
 * @typedef {object} Row
 * @property {string} name
 * @property {string} atHand
 * @property {{ tried: number, good: number, badAccepted: number, stallMs?: number }} figures
 * @property {string} seen - by callers
 * @property {number} lost - good tokens refused, and bad ones for a wrong reason, beyond what is said to happen
 * @property {number} slowestMs
 * @property {number} longestMs - that it may be
 * @property {number} asks - requests to the key server, while it fails
 * @property {number} most - that they may be
 * @property {number} [recoveryMs]
 * @property {number} [limitMs] - that it may be
 */

/** @type {Record<string, Scenario>} */
const SCENARIOS = { outages, certificates, stampedes, rotations, floods, jumps }

function newReport() {
  /** @type {string[]} */
  const broken = []
  /** @type {Row[]} */
  const rows = []
  /** @type {string[]} */
  const leftOut = []
  let faults = 0
  /** @param {boolean} holds @param {string} otherwise */
  const must = (holds, otherwise) => void (holds || broken.push(otherwise))
  return {
    broken,
    leftOut,
    must,
    leaveOut: (/** @type {string} */ what) => void leftOut.push(what),
    /** @param {number} count */
    faults: (count) => {
      faults += count
    },
    /** @param {Row} row */
    row(row) {
      const { atHand, figures, lost, slowestMs, longestMs, asks, most, recoveryMs = 0, limitMs = 0 } = row
      const name = `${row.name || rows.at(-1)?.name} (${atHand})`
      rows.push(row)
      must(figures.tried > 0, `${name}: nothing was tried`)
      must(lost === 0, `${name}: ${lost} lost: ${JSON.stringify(figures)}`)
      must(figures.badAccepted === 0, `${name}: ${figures.badAccepted} bad tokens accepted`)
      must(slowestMs <= longestMs + (figures.stallMs ?? 0), `${name}: somebody waited ${slowestMs} ms`)
      must(asks <= most, `${name}: the key server was asked ${asks} times, at most ${most} were due`)
      must(recoveryMs <= limitMs + (figures.stallMs ?? 0), `${name}: recovered after ${recoveryMs} ms`)
    },
    /** @param {number} seconds - that it took in all */
    print(seconds) {
      const head = ['fault', 'at hand', 'tokens', 'lost', 'bad accepted', 'callers see', 'slowest, ms']
      printTable([
        [...head, 'requests (at most)', 'recovered after, ms'],
        ...rows.map(({ name, atHand, figures, lost, seen, slowestMs, asks, most, recoveryMs }) => [
          ...[name, atHand, figures.tried, lost, figures.badAccepted, seen, Math.round(slowestMs)],
          ...[`${asks} (${most})`, recoveryMs === undefined ? '' : Math.round(recoveryMs)],
        ]),
      ])
      const sum = (/** @type {(row: Row) => number} */ of) => rows.map(of).reduce((one, other) => one + other, 0)
      console.log()
      printTable([
        ['tokens tried', sum(({ figures }) => figures.tried)],
        ['a second, all in all', Math.round(sum(({ figures }) => figures.tried) / seconds)],
        ['faults', faults],
        ['lost', sum(({ lost }) => lost)],
        ['bad tokens accepted', sum(({ figures }) => figures.badAccepted)],
        ['worst time to recover, ms', Math.round(Math.max(...rows.map(({ recoveryMs = 0 }) => recoveryMs)))],
      ])
      for (const what of leftOut) console.log(`left out: ${what}`)
      for (const what of broken) console.error(`FAILED: ${what}`)
    },
  }
}

async function main() {
  const { values } = parseArgs({
    options: { only: { type: 'string', multiple: true, default: Object.keys(SCENARIOS) } },
  })
  /** @type {(() => unknown)[]} */
  const closing = []
  const t = { after: (/** @type {() => unknown} */ close) => closing.push(close) }
  const report = newReport()
  const environment = await setEnvironment(t)
  const start = performance.now()
  for (const name of values.only) {
    const began = performance.now()
    await SCENARIOS[name]({ t, report, ...environment })
    console.log(`${name}: ${((performance.now() - began) / 1000).toFixed(1)} s`)
  }
  report.print((performance.now() - start) / 1000)
  for (const close of closing) close()
  process.exitCode = report.broken.length > 0 ? 1 : 0
}

main()
