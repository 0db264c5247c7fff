package dev.tornadomoe.tornado.replay;

import dev.tornadomoe.MoeException;

/// A plan that can't be replayed, or a command of OpenCL that failed. The message is one sentence;
/// TornadoVM can still execute the plan itself, unless the device is lost.
public final class ReplayException extends MoeException {
  private static final long serialVersionUID = 1L;

  ReplayException(String message) {
    super(message);
  }

  ReplayException(String message, Throwable cause) {
    super(message, cause);
  }
}
