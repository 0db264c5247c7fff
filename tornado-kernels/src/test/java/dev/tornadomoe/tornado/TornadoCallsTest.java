package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.CallContract;
import dev.tornadomoe.contract.Need;
import java.util.EnumSet;
import java.util.Set;

/// The TornadoVM backend refuses wrong calls, on whatever device there is.
class TornadoCallsTest extends CallContract {
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
