package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.InterruptContract;
import dev.tornadomoe.contract.Need;
import java.util.EnumSet;
import java.util.Set;

/// Calls of the TornadoVM backend end between launches, on whatever device there is.
class TornadoInterruptsTest extends InterruptContract {
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
