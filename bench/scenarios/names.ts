// The contestants' names as the report shows them.
export const bare = 'bare Fastify, nothing stored';
export const documented = 'Fastify + faktory-worker as documented, 10 connections';
export const bullmq = 'Fastify + BullMQ, Redis without fsync';
export const rust = 'the Rust service';
export const raw = 'raw PUSHB client';
export const onFaktory = 'this service, real Faktory';
export const onEmbedded = 'this service, embedded broker';
export const allInOne = 'this service, all in one process';
