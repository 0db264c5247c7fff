package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.LifetimeContract;
import dev.tornadomoe.contract.Need;
import java.util.EnumSet;
import java.util.Set;

/// Sessions of the TornadoVM backend and their forks live as they must, on whatever device there
/// is.
class TornadoLifetimesTest extends LifetimeContract {
  @Override
  protected Backend backend() {
    return new TornadoBackend();
  }

  @Override
  protected Set<Need> refuses() {
    return EnumSet.allOf(Need.class);
  }

  @Override
  protected Breadth breadth() {
    return Breadth.askedOr(Breadth.NARROW);
  }
}
