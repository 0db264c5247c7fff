/// Launches what TornadoVM has compiled and allocated for an execution plan without TornadoVM's
/// round trips: the same commands, enqueued on its own OpenCL queue. Knows nothing of experts; what
/// it takes from inside TornadoVM is in [TornadoInternals] alone.
@NullMarked
package dev.tornadomoe.tornado.replay;

import org.jspecify.annotations.NullMarked;
