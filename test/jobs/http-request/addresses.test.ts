// Which addresses a delivery may connect to: the special ranges in every form in which an address can hide.
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createRanges, isGloballyRoutable } from '../../../src/jobs/http-request/addresses.ts';

const special: Readonly<Record<string, readonly string[]>> = {
  'this network': ['0.0.0.0', '0.1.2.3', '::'],
  loopback: ['127.0.0.1', '127.255.255.255', '::1'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.255', '192.168.1.1', 'fc00::1', 'fd00:ec2::254', 'fd20:ce::254'],
  'link-local and metadata': ['169.254.169.254', '169.254.0.1', 'fe80::1', 'fe80::a9fe:a9fe', '168.63.129.16'],
  'the zone of a link': ['fe80::1%eth0', '2606:4700::1111%eth0'],
  'carrier, with a metadata service': ['100.64.0.1', '100.100.100.200', '100.127.255.255'],
  'protocol assignments, with a metadata service': [
    '192.0.0.1',
    '192.0.0.192',
    '192.88.99.1',
    '2001::1',
    '2001:1ff::1',
  ],
  documentation: ['192.0.2.1', '198.51.100.1', '203.0.113.1', '2001:db8::1', '3fff::1'],
  benchmarks: ['198.18.0.1', '198.19.255.255', '2001:2::1'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1', 'ff0e::1'],
  'reserved and broadcast': ['240.0.0.1', '255.255.255.255', '100::1', '5f00::1'],
  unassigned: ['4000::1', '8000::1', '1::1', 'fec0::1'],
  'IPv4-mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:10.0.0.1', '::ffff:169.254.169.254', '::ffff:0.0.0.0'],
  'IPv4-compatible, translated': ['::127.0.0.1', '::7f00:1', '::ffff:0:127.0.0.1', '::8.8.8.8'],
  NAT64: ['64:ff9b::127.0.0.1', '64:ff9b::a9fe:a9fe', '64:ff9b::10.0.0.1', '64:ff9b:1::8.8.8.8', '64:ff9b::1:8.8.8.8'],
  '6to4 and Teredo': ['2002:7f00:1::1', '2002:808:808::1', '2001:0:7f00:1::1'],
  'no address': [
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f000001',
    '0177.0.0.1',
    '127.0.0.1.',
    '[::1]',
    '8.8.8.8:80',
  ],
};

const global = [
  ...['8.8.8.8', '1.1.1.1', '93.184.216.34', '100.63.255.255', '100.128.0.1', '172.15.0.1', '172.32.0.1'],
  ...['192.167.1.1', '169.253.1.1', '126.255.255.255', '128.0.0.1', '198.20.0.1', '223.255.255.255'],
  ...['2606:4700:4700::1111', '2001:4860:4860::8888', '2a00:1450:4001::1', '::ffff:8.8.8.8', '64:ff9b::8.8.8.8'],
];

describe('an address', () => {
  for (const [name, addresses] of Object.entries(special))
    it(`is not globally routable: ${name}`, () => {
      for (const address of addresses) assert.equal(isGloballyRoutable(address), false, address);
    });

  it('is globally routable', () => {
    for (const address of global) assert.equal(isGloballyRoutable(address), true, address);
  });
});

describe('ranges', () => {
  it('have the addresses between their ends, in each form of them', () => {
    const has = createRanges(['10.0.0.0/8', '192.168.7.7/32', 'fd00:1::/32']);
    for (const address of [
      '10.0.0.0',
      '10.255.255.255',
      '192.168.7.7',
      '::ffff:10.1.2.3',
      '64:ff9b::10.1.2.3',
      'fd00:1::9',
    ])
      assert.equal(has(address), true, address);
    for (const address of [
      '11.0.0.0',
      '9.255.255.255',
      '192.168.7.8',
      'fd00:2::1',
      '::1',
      '10.1',
      'fd00:1::9%eth0',
      '',
    ])
      assert.equal(has(address), false, address);
  });

  it('are none without an entry', () => {
    assert.equal(createRanges([])('10.0.0.1'), false);
  });
});
