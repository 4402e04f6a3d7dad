// The delaying proxy under its old name: see fault-proxy.ts.
export { startDelayProxy, type FaultProxy as DelayProxy } from './fault-proxy.ts';
