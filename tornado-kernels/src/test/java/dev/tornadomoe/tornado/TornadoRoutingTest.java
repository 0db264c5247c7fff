package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.RoutingContract;

/// The TornadoVM backend chooses the experts that every backend chooses, on whatever device there
/// is.
class TornadoRoutingTest extends RoutingContract {
  @Override
  protected Backend backend() {
    return new TornadoBackend();
  }
}
