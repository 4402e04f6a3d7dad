// A Bloom filter: tells which ids were certainly not added, so that a new key needs no read of LevelDB. Ids are SHA-256 digests,
// a character for each byte, so their bytes serve as the hashes.

export interface IdFilter {
  add(id: string): void;
  /** False: the id was never added. When the filter is full, some 5 of 10,000 ids that were not added get true, too. */
  mayHave(id: string): boolean;
}

const bitsPerId = 24;
const probes = 4;

/** Four bytes of the digest, as a signed number. */
function hashOf(id: string, probe: number): number {
  const at = probe * 4;
  return (
    id.charCodeAt(at) | (id.charCodeAt(at + 1) << 8) | (id.charCodeAt(at + 2) << 16) | (id.charCodeAt(at + 3) << 24)
  );
}

/** @param idsMax more ids are kept too, with more errors */
export function createIdFilter(idsMax: number): IdFilter {
  const words = new Uint32Array(Math.ceil((idsMax * bitsPerId) / 32));
  return {
    add(id) {
      for (let probe = 0; probe < probes; probe++) {
        const hash = hashOf(id, probe);
        const index = (hash >>> 5) % words.length;
        words[index] = (words[index] as number) | (1 << (hash & 31));
      }
    },
    mayHave(id) {
      for (let probe = 0; probe < probes; probe++) {
        const hash = hashOf(id, probe);
        if (((words[(hash >>> 5) % words.length] as number) & (1 << (hash & 31))) === 0) return false;
      }
      return true;
    },
  };
}
