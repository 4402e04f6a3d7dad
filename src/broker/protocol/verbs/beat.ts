// BEAT {"wid":…, "current_state":…}: a worker is alive. The reply tells it to go quiet or to end.
import { parsePayload, type Command } from '../command.ts';
import { goStruct } from '../go-json.ts';
import { bulk, ok } from '../replies.ts';

const beatStruct = goStruct('ClientBeat', {
  current_state: ['string', 'string'],
  wid: ['string', 'string'],
  rss_kb: ['integer', 'int64'],
});

export const beat: Command = ({ workers, nowMs }, session, rest) => {
  const { wid, current_state }: { wid?: string; current_state?: string } = parsePayload(rest, 'BEAT', beatStruct);
  const state = workers.beat(wid ?? '', current_state, nowMs());
  if (state === undefined) throw new Error(`unknown worker ${wid ?? ''}`);
  session.reply(state === 'running' ? ok : bulk(JSON.stringify({ state })));
};
