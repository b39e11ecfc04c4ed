// Comparisons of one value, by the tables of conditions of docs/snapshot-format.md.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { compare } from '../src/condition.js'

const LESS = 1
const EQUAL = 2
const GREATER = 4

test('texts, and texts in any case', () => {
  for (const [op, text, yes, no] of [
    [1, 'ab', ['ab', 'abc'], ['', 'a', 'Ab', 'cab']],
    [2, 'ab', ['ab', 'cab'], ['', 'b', 'aB', 'abc']],
    [3, 'ab', ['ab', 'cabd'], ['', 'acb', 'AB']],
    [4, 'ab', ['aB', 'ABC'], ['cab']],
    [5, 'ab', ['aB', 'CAB'], ['abc']],
    [6, 'ab', ['aB', 'CABD'], ['acb']],
    [6, 'οδοσ', ['ΟΔΟΣ', 'οδος', 'Οδοσ'], ['οδο']],
    [4, 'i\u0307', ['İ', 'i\u0307'], ['i', 'I', 'ı']],
    [5, 'ß', ['ẞ', 'ß'], ['ss', 'SS']]
  ]) {
    for (const value of yes) assert.equal(compare([op, 0, 'nothing', text], value), true, op + ' ' + value)
    for (const value of no) assert.equal(compare([op, 0, 'nothing', text], value), false, op + ' ' + value)
  }
  for (let op = 1; op < 7; op++) {
    assert.equal(compare([op, 0], 'a'), false)
    assert.equal(compare([op, 0, ''], ''), true)
  }
})

test('numbers', () => {
  for (const [text, number] of [
    ['1', 1], [' 1.50\n', 1.5], ['\ufeff-0.5\u3000', -0.5], ['.5', 0.5], ['5.', 5], ['+5', 5], ['1e3', 1000], ['1E+3', 1000], ['-0', 0],
    ['00012', 12], ['1e-400', 0], ['9007199254740993', 9007199254740992], ['1.7976931348623157e308', Number.MAX_VALUE]
  ]) {
    assert.equal(compare([7, 0, EQUAL, number], text), true, text)
    assert.equal(compare([7, 0, LESS | GREATER, number], text), false, text)
    assert.equal(compare([7, 0, LESS, Number.MAX_VALUE], text), number < Number.MAX_VALUE, text)
    assert.equal(compare([7, 0, GREATER | EQUAL, -Number.MAX_VALUE], text), true, text)
  }
  for (const [text, order] of [['Infinity', GREATER], ['+Infinity', GREATER], [' -Infinity', LESS], ['1e400', GREATER], ['-1e400', LESS]]) {
    for (const number of [0, Number.MAX_VALUE, -Number.MAX_VALUE]) {
      assert.equal(compare([7, 0, order, number], text), true, text)
      assert.equal(compare([7, 0, 7 - order, number], text), false, text)
    }
  }
  for (const text of ['', ' ', '0x10', '0b1', '1_0', 'infinity', '+-Infinity', 'Infinity1', 'NaN', '0X10', '0B1', '0O7', '1,5', '1 5', '.', 'e', 'e5', '+', '--1', '1e', '1e5.5', '١', '1n', '\u180e1', '1\0']) {
    assert.equal(compare([7, 0, LESS | EQUAL | GREATER, 0], text), false, JSON.stringify(text))
  }
})

// By precedence, as in the specification of semantic versions 2.0, paragraph 11.
const VERSIONS = [
  '0.0.0-0', '0.0.0', '0.0.9', '0.0.10', '0.1.0', '1.0.0--', '1.0.0--1', '1.0.0-A', '1.0.0-alpha', '1.0.0-alpha.1', '1.0.0-alpha.1.0', '1.0.0-alpha.beta',
  '1.0.0-beta', '1.0.0-beta.2', '1.0.0-beta.11', '1.0.0-rc.1', '1.0.0', '1.0.1-0', '1.0.1-20260731', '1.0.1-9007199254740992', '1.0.1-9007199254740993', '1.0.1-20260731123045123', '1.0.1-123456789012345678901', '1.0.1-1a', '1.0.1', '1.9.0', '1.10.0', '2.0.0', '10.0.0', '9007199254740991.0.0'
]

const parts = version => {
  const [release, ...prerelease] = version.split('-')
  return [...release.split('.'), ...(prerelease.length > 0 ? prerelease.join('-').split('.') : [])].map(part => !/^\d+$/.test(part) ? part : part.length > 15 ? [part] : Number(part))
}

test('versions', () => {
  VERSIONS.forEach((a, i) => {
    VERSIONS.forEach((b, j) => {
      for (const value of [a, ' ' + a + '+build.01\t']) {
        const order = i < j ? LESS : i > j ? GREATER : EQUAL
        assert.equal(compare([9, 0, order, ...parts(b)], value), true, value + ' and ' + b)
        assert.equal(compare([9, 0, 7 - order, ...parts(b)], value), false, value + ' and ' + b)
      }
    })
  })
  for (const text of [
    '', '1', '1.2', '1.2.3.4', 'v1.2.3', '=1.2.3', '01.2.3', '1.02.3', '1.2.03', '1.2.3-', '1.2.3-01', '1.2.3-a..b', '1.2.3-.', '1.2.3+', '1.2.3+a..b', '1.2.3-a_b', '1.2.3 -a',
    '-1.2.3', '1.2.3-ä', '9007199254740992.0.0', '1.2.3-0123456789012345', '1.2.3-' + 'a'.repeat(251), '١.2.3'
  ]) assert.equal(compare([9, 0, 7, 0, 0, 0], text), false, text)
  assert.equal(compare([9, 0, 7, 0, 0, 0], '1.2.3-' + 'a'.repeat(250)), true)
})

const RANGES = {
  '10.0.0.0/8': [8, 0x0a000000], '10.1.2.3/32': [32, 0x0a010203], '0.0.0.0/0': [0, 0], '255.255.255.254/31': [31, 0xfffffffe],
  '2001:db8::/32': [32, 0x20010db8, 0, 0, 0], '2001:db8::ff00:42:8329/128': [128, 0x20010db8, 0, 0xff00, 0x428329], '::/0': [0, 0, 0, 0, 0], '::ffff:a00:0/104': [104, 0, 0, 0xffff, 0x0a000000],
  '2001:db8:8000::/33': [33, 0x20010db8, 0x80000000, 0, 0]
}

test('addresses', () => {
  for (const [range, yes, no] of [
    ['10.0.0.0/8', ['10.0.0.0', '10.255.255.255'], [' 10.1.2.3', '10.1.2.3\n', '9.255.255.255', '11.0.0.0', '::ffff:10.0.0.0', '10.0.0', '10.0.0.256', '10.0.0.01', '10.0.0.0.', '10.0.0.0/8', '10.0.0.-1', '', '10']],
    ['10.1.2.3/32', ['10.1.2.3'], ['10.1.2.2', '::ffff:10.1.2.3']],
    ['0.0.0.0/0', ['0.0.0.0', '255.255.255.255', '128.0.0.1'], ['::', '1', '0x7f.0.0.1', 'a.b.c.d', '1.2.3.4:80', '1.2.3.4.5', '１.2.3.4']],
    ['255.255.255.254/31', ['255.255.255.254', '255.255.255.255'], ['255.255.255.253', '127.255.255.254']],
    ['2001:db8::/32', ['2001:db8::', '2001:DB8:1:2:3:4:5:6', '2001:0db8::1.2.3.4'], ['2001:db9::', '2001:db8', '::2001:db8', '2001:db8::1%eth0', '[2001:db8::]', '2001:db8::/32', '2001:db8:::', '2001:db8::1::']],
    ['2001:db8::ff00:42:8329/128', ['2001:db8:0:0:0:ff00:42:8329', '2001:0db8::ff00:0042:8329'], ['2001:db8::ff00:42:8328', '2001:db8::ff00:42:18329']],
    ['::/0', ['::', '::1', '1::', '1:2:3:4:5:6:7:8', '1::8', '::ffff:1.2.3.4', '1:2:3:4:5:6:1.2.3.4', '1:2:3:4:5:6:7::'], ['1.2.3.4', ':', ':::', '1:2:3:4:5:6:7', '1:2:3:4:5:6:7:8:9', '1::2:3:4:5:6:7:8', '1:2:3:4:5:6:7:1.2.3.4', '::1.2.3', '::1.2.3.04', '::12345', '::g', ':1:2:3:4:5:6:7', '1:2:3:4:5:6:7:', '::-1', '::+1', '::1.2.3.4:5']],
    ['::ffff:a00:0/104', ['::ffff:10.9.8.7', '::ffff:a09:807'], ['10.9.8.7', '::ffff:11.0.0.0', '::10.9.8.7']],
    ['2001:db8:8000::/33', ['2001:db8:8000::', '2001:db8:ffff::'], ['2001:db8:7fff::', '2001:db9:8000::']]
  ]) {
    for (const value of yes) assert.equal(compare([11, 0, [32, 1], RANGES[range]], value), true, value + ' in ' + range)
    for (const value of no) assert.equal(compare([11, 0, RANGES[range]], value), false, value + ' in ' + range)
  }
})
