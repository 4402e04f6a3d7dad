// Which connection holds which place, counted for all connections and for each address. places.ts decides who must go.
import type { Socket } from 'node:net';
import { sourceOf, type AddressRange } from '../plugins/addresses.ts';

/** Connections whose number has a limit: all of them, or the connections of one address. */
export interface Group {
  count: number;
  /** Before this time the group is not searched for a member that may go. */
  nextLookMs: number;
}

interface AddressGroup extends Group {
  readonly source: string;
}

export interface HeldPlaces {
  /** All connections on places that are not spare. */
  readonly everybody: Group;
  /** Connections, spare places included. */
  readonly size: number;
  /** The last places, for probes. */
  readonly spare: ReadonlySet<Socket>;
  /** The group of an address. Undefined: the address has no limit of its own. */
  groupOf(address: string | undefined): AddressGroup | undefined;
  add(socket: Socket, group: AddressGroup | undefined, isSpare: boolean): void;
  release(socket: Socket): void;
  /** True when the place of this connection is counted in the group, and is not spare. */
  counts(socket: Socket, group: Group): boolean;
}

/** @param isShared addresses without a limit, because many callers are behind each of them */
export function createHeldPlaces(isShared: AddressRange): HeldPlaces {
  const held = new Map<Socket, AddressGroup | undefined>();
  const groups = new Map<string, AddressGroup>();
  const spare = new Set<Socket>();
  const everybody: Group = { count: 0, nextLookMs: 0 };
  return {
    everybody,
    spare,
    get size() {
      return held.size;
    },
    groupOf(address) {
      if (address === undefined || isShared(address)) return undefined;
      const source = sourceOf(address);
      return groups.get(source) ?? { source, count: 0, nextLookMs: 0 };
    },
    add(socket, group, isSpare) {
      held.set(socket, group);
      if (isSpare) spare.add(socket);
      else everybody.count += 1;
      if (group === undefined) return;
      group.count += 1;
      groups.set(group.source, group);
    },
    release(socket) {
      const group = held.get(socket);
      if (!held.delete(socket)) return;
      if (!spare.delete(socket)) everybody.count -= 1;
      if (group === undefined) return;
      group.count -= 1;
      if (group.count === 0) groups.delete(group.source);
    },
    counts: (socket, group) =>
      held.has(socket) && !spare.has(socket) && (group === everybody || held.get(socket) === group),
  };
}
