package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.BreachContract;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.Need;
import java.util.EnumSet;
import java.util.Set;

/// The TornadoVM backend lets sound plans pass when it is sanitised, and refuses what only the host
/// can run, on whatever device there is.
class TornadoBreachesTest extends BreachContract {
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
