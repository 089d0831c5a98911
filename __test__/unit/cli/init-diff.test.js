const assert = require('node:assert/strict')
const { test } = require('node:test')
const { formatDiff } = require('../../../js/cli/init-diff')
const { createPainter } = require('../../../js/cli/terminal')

const paint = createPainter({}, { NO_COLOR: '1' })

/** Returns the lines of a diff, without its title. */
const diff = (before, after, path = 'app.js') => formatDiff({ path, before, after }, paint).split('\n').slice(1, -1)

test('a diff shows added and replaced lines with two lines of context', () => {
  const before = 'a\nb\nc\nd\ne\nf\ng\nh\n'
  assert.deepEqual(diff(before, before.replace('d\n', 'D\nE\n').replace('g', 'g\n\nG')), [
    ...['    b', '    c', '  - d', '  + D', '  + E', '    e', '    f', '    g', '  +', '  + G', '    h'],
  ])
  assert.deepEqual(diff(null, 'a\nb\n'), ['  + a', '  + b'])
  assert.deepEqual(diff('a\r\nb', 'a\r\nb\r\nc\r\n'), ['    a', '    b', '  + c'])
})

test('a diff of an environment file shows only the changed entries, even next to repeated entries', () => {
  const before = 'URL=\nSECRET=1\nURL=\nAUDIENCE=\n'
  const after = 'URL=x\nSECRET=1\nURL=\nAUDIENCE=y\n'
  assert.deepEqual(diff(before, after, '.env'), ['  - URL=', '  + URL=x', '  …', '  - AUDIENCE=', '  + AUDIENCE=y'])
})

test('a diff contains the lines of both files in order, and the fewest possible changes', () => {
  let seed = 1
  const random = (limit) => {
    seed = (seed * 48_271) % 2_147_483_647
    return seed % limit
  }
  const text = (first, last) => [first, ...Array.from({ length: random(12) }, () => 'abc'[random(3)]), last]
  for (let run = 0; run < 500; run += 1) {
    const [before, after] = [text('1', '2'), text('3', '4')]
    const lines = diff(before.join('\n'), after.join('\n'))
    const marked = (marks) => lines.filter((line) => marks.includes(line[2])).map((line) => line.slice(4))
    const unchanged = common(before, after)
    assert.deepEqual([marked('-').length, marked('+').length], [before.length - unchanged, after.length - unchanged])
    if (!lines.includes('  …')) assert.deepEqual([marked(' -'), marked(' +')], [before, after])
  }
})

/** Returns the length of the longest common subsequence. */
const common = (before, after) => {
  if (before.length === 0 || after.length === 0) return 0
  const [[a, ...restOfBefore], [b, ...restOfAfter]] = [before, after]
  if (a === b) return 1 + common(restOfBefore, restOfAfter)
  return Math.max(common(restOfBefore, after), common(before, restOfAfter))
}

test('a diff of a very long file takes little time and memory', { timeout: 10_000 }, () => {
  const lines = Array.from({ length: 100_000 }, (_, i) => (i % 3 === 1 ? '' : `const line${i} = 1`))
  const after = ['import a', ...lines.slice(0, 50_000), 'changed', ...lines.slice(50_001), '', 'app.get()']
  const shown = diff(lines.join('\n'), after.join('\n'))
  assert.deepEqual(
    shown.filter((line) => /^ {2}[-+]/.test(line)),
    ['  + import a', '  - const line50000 = 1', '  + changed', '  +', '  + app.get()'],
  )
})
