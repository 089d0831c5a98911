/** Records what instances see during the faults in `revocation.js`, and whether they reject every token in time. */

const { printTable } = require('./table')

/**
 * How long a revoked token may be accepted after the revocation was acknowledged, or after Redis responds again: a
 * second until an instance reconnects (MAX_RETRY_DELAY_MS in js/revocation/mirror.js), plus the documented second.
 */
const BOUND_MS = 2000

/** The `maxLagMs` option of instances that reject tokens while the store is unavailable. */
const MAX_LAG_MS = 3000

/** @typedef {{ name: string, refuses: boolean, isNew?: boolean }} InstanceKind - `isNew`: started with tokens that had been revoked before. */

class RevocationLog {
  /** @type {{ name: string, only: string | undefined, start: number, end: number }[]} */
  faults = []
  /** Periods during which a process, or the whole machine, did not run. @type {{ start: number, end: number }[]} */
  #stalls = []
  /** The times from acknowledgement to rejection without a fault, in milliseconds. */
  #calm = []
  /** How many tokens new instances verified, and how many of them they accepted at first. */
  #newcomers = { verified: 0, accepted: 0 }
  /** For each fault, the longest times. @type {Map<string, { accept: number, refuse: number, after: number }>} */
  #longest = new Map()
  #report

  constructor(report) {
    this.#report = report
  }

  must(holds, otherwise) {
    this.#report.must(holds, `revocation: ${otherwise}`)
  }

  /** Records the start of a fault, of all instances or of one. Returns a function that records its end. */
  begin(name, only) {
    const fault = { name, only, start: Date.now(), end: Number.POSITIVE_INFINITY }
    this.faults.push(fault)
    return () => {
      fault.end = Date.now()
    }
  }

  stalled(stall) {
    this.#stalls.push(stall)
  }

  /** @param {InstanceKind} kind @param {import('./revocation-instance').Seen} seen */
  saw({ name, refuses, isNew = false }, { revokedAt, lastAccepted, rejectedAt }) {
    const overlaps = (time) => (period) => period.start <= time && period.end + BOUND_MS >= revokedAt
    const own = this.faults.filter(({ only = name }) => only === name)
    // A process that does not run measures nothing.
    const isMeasured = !this.#stalls.some(overlaps(rejectedAt))
    if (isNew) {
      // New instances first verify these tokens seconds after the revocation, so the measured time says nothing.
      this.#newcomers.verified += 1
      if (lastAccepted > 0) this.#newcomers.accepted += 1
    } else if (isMeasured && !own.some(overlaps(rejectedAt))) this.#calm.push(Math.max(0, rejectedAt - revokedAt))
    if (lastAccepted === 0) return
    const latest = Math.max(lastAccepted, revokedAt)
    const faults = own.filter(overlaps(latest))
    const stalls = this.#stalls.filter(overlaps(latest))
    const responds = Math.max(revokedAt, ...[...faults, ...stalls].map(({ end }) => end))
    const acceptedFor = lastAccepted - revokedAt
    const fault = faults.at(-1)
    if (isMeasured && fault !== undefined) {
      const row = this.#longest.get(fault.name) ?? { accept: 0, refuse: 0, after: 0 }
      const policy = refuses ? 'refuse' : 'accept'
      row[policy] = Math.max(row[policy], acceptedFor)
      if (lastAccepted > fault.end) row.after = Math.max(row.after, lastAccepted - Math.max(fault.end, revokedAt))
      this.#longest.set(fault.name, row)
    }
    const where = `${name}, ${fault?.name ?? 'no fault'}`
    this.must(lastAccepted <= responds + BOUND_MS, `${where}: accepted for ${lastAccepted - responds} ms`)
    // A failover can lose a revocation until the instance that made it has stored it again.
    if (refuses && stalls.length === 0 && !faults.some(({ name }) => name.startsWith('failover')))
      this.must(acceptedFor <= MAX_LAG_MS + BOUND_MS, `${where}: accepted for ${acceptedFor} ms in spite of maxLagMs`)
  }

  /** @param {Awaited<ReturnType<typeof import('./revocation-load').startRevoking>>} load @param {number} memory */
  print(load, memory) {
    const calm = this.#calm.sort((a, b) => a - b)
    const [p50, p99, max] = [0.5, 0.99, 1].map((part) => calm[Math.ceil(calm.length * part) - 1])
    const figure = (value) => value.toLocaleString('en')
    console.log()
    printTable([
      ['fault', 'revoked tokens accepted for, ms', 'with refuse', 'after its end'],
      ...[...this.#longest].map(([name, { accept, refuse, after }]) => [name, accept, refuse, after]),
    ])
    const worst = Math.max(0, ...[...this.#longest.values()].map(({ after }) => after))
    const result = [
      `${figure(load.acknowledged)} revocations acknowledged, ${figure(load.rate())} per second, ${this.faults.length} faults of Redis`,
      `acknowledged revocations lost: ${load.lost}`,
      `${figure(calm.length)} rejections without a fault, after ${p50} ms (p50), ${p99} ms (p99), ${max} ms (max)`,
      `accepted by new instances: ${this.#newcomers.accepted} of ${figure(this.#newcomers.verified)} tokens`,
      `longest acceptance after Redis responds again: ${figure(worst)} ms`,
      `stalls of the machine: ${this.#stalls.length}`,
      `memory of an instance: ${Math.round(memory / 2 ** 20)} MiB`,
    ].join('; ')
    console.log(`\n${result.replaceAll('; ', '\n')}\n`)
    this.#report.results.push({ name: 'Chaos, revocation', result })
  }
}

module.exports = { BOUND_MS, MAX_LAG_MS, RevocationLog }
