package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.RouterStatesContract;

/// The TornadoVM backend hands routers' states on from layer to layer, on whatever device there is.
class TornadoRouterStatesTest extends RouterStatesContract {
  @Override
  protected Backend backend() {
    return new TornadoBackend();
  }

  @Override
  protected Breadth breadth() {
    return Breadth.askedOr(Breadth.NARROW);
  }
}
