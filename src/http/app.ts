// The HTTP side as one list of calls: server, hooks and routes, in the order in which a request meets them. It knows the broker
// and the results only as interfaces of domain/. Relies on fastify 5.
import compress from '@fastify/compress';
import {
  fastify,
  LogController,
  type FastifyBaseLogger,
  type FastifyInstance,
  type onRequestHookHandler,
} from 'fastify';
import { AppError } from './problems/errors.ts';
import type { Backups } from '../domain/backup.ts';
import { jidPattern } from '../domain/jid.ts';
import { createAddressRange, isLoopback } from './plugins/addresses.ts';
import { createAllowedMethods } from './plugins/allowed-methods.ts';
import { createResponseHook, setResponseHeaders } from './plugins/response-headers.ts';
import { leadToDocument, registerApiDocument, registerDocumentRoutes } from './routes/api-document.ts';
import { createApiKeyHook } from './plugins/api-keys.ts';
import { registerBackup } from './routes/backup.ts';
import { registerBatchRoute, type BatchRouteOptions } from './routes/batch.ts';
import { registerCancelJob, type CancelJobOptions } from './routes/cancel-job.ts';
import { registerConsole, type ConsoleOptions } from './console/routes.ts';
import { registerCron, type CronRouteOptions } from './routes/cron.ts';
import { createBodyBudget, type BodyBudget } from './plugins/body-budget.ts';
import { createClientErrorHandler, refuseTunnels } from './server/client-errors.ts';
import { createConnections, type Connections } from './server/connections.ts';
import { closeIdleConnections } from './server/drain.ts';
import { handleError } from './problems/error-handler.ts';
import { createEventLoopLag, type EventLoopLag } from './plugins/event-loop-lag.ts';
import { meetExpectations } from './server/expectations.ts';
import { allowOrigins } from './plugins/cors.ts';
import { createHostCheck } from './plugins/hosts.ts';
import { registerJobState, type JobStateOptions } from './routes/job-state.ts';
import { registerJobRoutes } from './routes/jobs.ts';
import { useJsonOnly } from './plugins/json-parser.ts';
import * as limits from './limits.ts';
import { createOnce, type OnceOptions } from './once/once.ts';
import { listOperations } from './routes/operation-list.ts';
import type { Operator } from '../domain/operator.ts';
import { createPlaces, type Places } from './server/places.ts';
import { createReadiness, registerProbes, type ProbesOptions } from './routes/probes.ts';
import { registerQueues } from './routes/queues.ts';
import { registerSets } from './routes/sets.ts';
import { createRequestGuard } from './plugins/request-guards.ts';
import { createRequestIds } from './plugins/request-id.ts';
import { observeRequests } from './plugins/request-metrics.ts';
import { compileSerializer } from './plugins/serializer.ts';
import { registerStreamRoute, type StreamRouteOptions } from './routes/stream.ts';

export interface AppOptions
  extends
    Omit<BatchRouteOptions, 'protect' | 'once'>,
    Pick<OnceOptions, 'keys'>,
    Omit<JobStateOptions, 'protect' | 'waitersMax'>,
    Omit<CancelJobOptions, 'protect'>,
    Omit<StreamRouteOptions, 'protect' | 'connections' | 'budget'>,
    Omit<CronRouteOptions, 'protect'>,
    Omit<ProbesOptions, 'authenticate' | 'lag' | 'results'> {
  logger: FastifyBaseLogger;
  /** When there are keys, /jobs* and /metrics require a key of this list. */
  apiKeys?: readonly string[];
  /** Undefined: nobody may operate the broker over HTTP, and the routes of operators do not exist. */
  operator?: Operator | undefined;
  /** Undefined: no copies can be made, and the route does not exist. */
  backups?: Backups | undefined;
  /** When there are keys, the routes of operators require a key of this list; otherwise they require a key of /jobs. */
  adminKeys?: readonly string[] | undefined;
  /** Undefined: there is no console, and / leads to the API document. */
  console?: ConsoleOptions | undefined;
  /** The most connections of all callers together. */
  connectionsMax?: number;
  /** The most connections of one address, out of 10,000, and fewer in proportion. This machine and trusted proxies have no limit. */
  connectionsPerAddressMax?: number | undefined;
  trustedProxies?: readonly string[] | undefined;
  keepAliveMs?: number | undefined;
  /** The names in Host that are accepted; undefined: all are. */
  hosts?: readonly string[] | undefined;
  /** Origins whose pages may read the API's responses. */
  corsOrigins?: readonly string[] | undefined;
}

const encodings: ('br' | 'gzip' | 'deflate' | 'identity')[] = ['br', 'gzip', 'deflate', 'identity'];

/** Makes the whole HTTP side, ready to listen. It closes nothing that it was given. */
export function createApp(options: AppOptions): FastifyInstance {
  const { clock, draining, metrics, logger, connectionsMax = limits.connectionsMax } = options;
  const { connectionsPerAddressMax: perAddressMax = limits.connectionsMax / 4 } = options;
  const connections = createConnections(clock);
  const isTrusted = createAddressRange(options.trustedProxies ?? []);
  const places = createPlaces({
    clock,
    connections,
    logger,
    isShared: (address) => isLoopback(address) || isTrusted(address),
    perAddressMax: Math.ceil(perAddressMax * (connectionsMax / limits.connectionsMax)),
    placesMax: connectionsMax,
    spareMax: Math.min(limits.spareConnectionsMax, Math.ceil(connectionsMax / 8)),
  });
  const app = createServer(options, connections, places);
  const lag = createEventLoopLag(clock);
  const allowedMethods = createAllowedMethods({ job_id: jidPattern });
  // `other` and `none` replace the method and the path of the caller.
  const observeUnrouted = metrics.httpRequests('other', 'none');
  const countUnrouted = (status: number): void => observeUnrouted(status, 0);
  useJsonOnly(app);
  // Handlers check their input themselves. The schemas of routes serve the document and the serializers.
  app.setValidatorCompiler(() => () => true);
  app.setSerializerCompiler(compileSerializer);
  app.setErrorHandler(handleError);
  // For files of /docs that do not exist. Other unknown paths end in the guard below.
  app.setNotFoundHandler(() => {
    throw new AppError('not_found', 'There is nothing at this path');
  });
  app.addHook('onRoute', allowedMethods.learn);
  observeRequests(app, { metrics, clock, logger });
  const isForUs = options.hosts && createHostCheck(options.hosts);
  const guard = createRequestGuard({
    allowedMethods: allowedMethods.of,
    operations: listOperations(options.registry),
    countUnrouted,
    connections,
    places,
    isForUs,
  });
  allowOrigins(app, options.corsOrigins ?? []);
  app.addHook('onRequest', guard);
  app.addHook('onSend', createResponseHook({ draining, connections, clock }));
  app.addHook('onClose', async () => lag.stop());
  closeIdleConnections(app, clock, connections);
  metrics.readDraining(() => draining.aborted);
  metrics.readHttpConnections(() => connections.counts());
  metrics.readClosedForRoom(() => places.closed);
  const budget = createBodyBudget({ clock, connections, places, budgetBytes: limits.bodiesBytesMax });
  app.decorate('readiness', createReadiness({ ...options, lag }));
  registerRoutes(app, options, { lag, budget, connections });
  return app;
}

function createServer(options: AppOptions, connections: Connections, places: Places): FastifyInstance {
  const { draining, enqueueTimeoutMs, logger, keepAliveMs = limits.keepAliveTimeoutMs } = options;
  const { connectionsMax = limits.connectionsMax } = options;
  const createRequestId = createRequestIds();
  const app = fastify({
    logController: new LogController({ disableRequestLogging: true }),
    genReqId: createRequestId,
    clientErrorHandler: createClientErrorHandler(connections, () => createRequestId({ headers: {} })),
    frameworkErrors: (error, request, reply) => {
      setResponseHeaders(request, reply, { draining, connections });
      handleError(error, request, reply);
    },
    // While the port is closing, the producer decides about requests on open connections.
    return503OnClosing: false,
    bodyLimit: limits.singleBodyBytesMax,
    requestTimeout: limits.requestTimeoutMs,
    keepAliveTimeout: keepAliveMs,
    // A last limit for silent sockets, longer than any response may take.
    connectionTimeout: Math.max(enqueueTimeoutMs, limits.waitSecondsMax * 1000) + limits.slowReaderTimeoutMs,
    // Ids have a check of their own, whose response is 422.
    routerOptions: { maxParamLength: limits.headerBytesMax },
    http: {
      headersTimeout: limits.headersTimeoutMs,
      connectionsCheckingInterval: limits.connectionsCheckMs,
      maxHeaderSize: limits.headerBytesMax,
      // Our own guard checks the header, and its response is a problem.
      requireHostHeader: false,
      insecureHTTPParser: false,
    },
  });
  connections.watch(app.server);
  places.watch(app.server);
  refuseTunnels(app.server);
  // A caller that sends no more still gets its responses. By default Node would close the connection before them.
  Object.assign(app.server, { httpAllowHalfOpen: true });
  // A last limit: connections that were told to go are still there until this turn of the event loop ends.
  app.server.maxConnections = connectionsMax + Math.min(limits.listenBacklog, Math.ceil(connectionsMax / 2));
  meetExpectations(app.server);
  // One logger for all requests. A child for each request would cost more than all other code of ours, and the framework's own
  // logger costs every request two listeners on the end of its response.
  app.setChildLoggerFactory(() => logger);
  return app;
}

interface Shared {
  lag: EventLoopLag;
  budget: BodyBudget;
  connections: Connections;
}

function registerRoutes(app: FastifyInstance, options: AppOptions, { lag, budget, connections }: Shared): void {
  const { apiKeys = [], adminKeys = [], operator, version, hosts, connectionsMax = limits.connectionsMax } = options;
  const keyHook = apiKeys.length > 0 ? createApiKeyHook(apiKeys) : undefined;
  const adminKeyHook = adminKeys.length > 0 ? createApiKeyHook(adminKeys) : keyHook;
  const authenticate = keyHook ? [keyHook] : [];
  const protect = [...authenticate, createLagHook(lag)];
  const once = createOnce(options);
  const keyHooks = [keyHook, adminKeyHook].filter((hook) => hook !== undefined);
  registerApiDocument(app, { version, keyHooks, checksHosts: hosts !== undefined });
  app.register(async (singles) => {
    await singles.register(compress, { requestEncodings: encodings });
    budget.watch(singles);
    registerJobRoutes(singles, { ...options, once, protect });
  });
  // A compressor would hold back its response, which is written while lines are read.
  app.register(async (streams) => registerStreamRoute(streams, { ...options, protect, budget, connections }));
  app.register(async (others) => {
    await others.register(compress, { encodings, requestEncodings: encodings, threshold: limits.compressFromBytes });
    budget.watch(others);
    registerBatchRoute(others, { ...options, once, protect });
    registerJobState(others, { ...options, protect, waitersMax: connectionsMax * limits.waitersShare });
    registerCancelJob(others, { ...options, protect });
    if (operator) {
      const { clock, enqueueTimeoutMs: actionTimeoutMs } = options;
      const operating = { operator, clock, actionTimeoutMs, protect: adminKeyHook ? [adminKeyHook] : [] };
      registerQueues(others, operating);
      registerSets(others, operating);
      if (options.backups) registerBackup(others, { clock, backups: options.backups, protect: operating.protect });
      registerCron(others, { cron: options.cron, protect: operating.protect });
    }
    if (options.console)
      registerConsole(others, options.console, { ...options, connections, operatorHook: adminKeyHook });
    else leadToDocument(others);
    registerProbes(others, { ...options, authenticate, lag });
    registerDocumentRoutes(others);
  });
}

const createLagHook =
  (lag: EventLoopLag): onRequestHookHandler =>
  (_request, _reply, done) =>
    done(lag.isHigh() ? new AppError('overloaded', 'The event loop lags') : undefined);
