package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.ArithmeticContract;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.Need;
import java.util.EnumSet;
import java.util.Set;

/// The TornadoVM backend computes each kind of layer, on whatever device there is.
class TornadoArithmeticTest extends ArithmeticContract {
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
