package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.TokenKeyContract;

/// The TornadoVM backend chooses experts by what calls bring of each token, on whatever device
/// there is.
class TornadoKeysTest extends TokenKeyContract {
  @Override
  protected Backend backend() {
    return new TornadoBackend();
  }

  @Override
  protected Breadth breadth() {
    return Breadth.askedOr(Breadth.NARROW);
  }
}
