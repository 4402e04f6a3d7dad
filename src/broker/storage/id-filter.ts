// Which ids are certainly not among those that were added: a Bloom filter that grows. Ids are SHA-256 digests, so their bytes
// serve as the hashes. A new key needs no look into LevelDB then.

export interface IdFilter {
  add(id: Buffer): void;
  /** False: it was never added. True of some 1 to 3 of 100 that were not added, too. */
  mayHave(id: Buffer): boolean;
}

interface Part {
  readonly words: Uint32Array;
  readonly idsMax: number;
  ids: number;
}

/** 8 KiB; a part twice as large follows each full part: 10,000,000 ids have 12 parts, of 32 MiB in all. */
const firstPartIds = 4096;
const bitsPerId = 16;
/** With 16 bits for an id each part errs on 2 to 3 of 1,000. */
const probes = 4;

function partFor(idsMax: number): Part {
  return { words: new Uint32Array((idsMax * bitsPerId) / 32), idsMax, ids: 0 };
}

/** Whether all bits of the id are set. */
function has({ words }: Part, id: Buffer): boolean {
  for (let probe = 0; probe < probes; probe++) {
    const hash = id.readUInt32LE(probe * 4);
    const word = words[(hash >>> 5) % words.length] as number;
    if ((word & (1 << (hash & 31))) === 0) return false;
  }
  return true;
}

export function createIdFilter(): IdFilter {
  const parts = [partFor(firstPartIds)];
  return {
    add(id) {
      let part = parts.at(-1) as Part;
      if (part.ids === part.idsMax) parts.push((part = partFor(part.idsMax * 2)));
      for (let probe = 0; probe < probes; probe++) {
        const hash = id.readUInt32LE(probe * 4);
        const index = (hash >>> 5) % part.words.length;
        part.words[index] = (part.words[index] as number) | (1 << (hash & 31));
      }
      part.ids++;
    },
    mayHave: (id) => parts.some((part) => has(part, id)),
  };
}
