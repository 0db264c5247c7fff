package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.Need;
import dev.tornadomoe.contract.TailContract;
import java.util.EnumSet;
import java.util.Set;

/// The TornadoVM backend defers sums and writes the next norm's rows, on whatever device there is.
class TornadoTailsTest extends TailContract {
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
