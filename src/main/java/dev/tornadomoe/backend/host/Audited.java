package dev.tornadomoe.backend.host;

import dev.tornadomoe.backend.MoeCall;
import dev.tornadomoe.backend.Session;

/// A session that [CallAudit] can watch.
public interface Audited extends Session {

  /// Runs one layer of a call that has been checked.
  ///
  /// @param layer its place in the plan
  void runLayer(MoeCall call, int layer);

  /// A session on the same weights that runs without aliases and is not watched.
  Audited shadow();
}
