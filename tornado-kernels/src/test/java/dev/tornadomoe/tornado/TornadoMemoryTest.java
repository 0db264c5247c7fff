package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.MemoryContract;
import dev.tornadomoe.contract.Need;
import java.util.EnumSet;
import java.util.Set;

/// The TornadoVM backend treats memory as every backend must, on whatever device there is.
class TornadoMemoryTest extends MemoryContract {
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
