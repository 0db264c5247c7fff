package dev.tornadomoe.backend.reference;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.ArithmeticContract;
import dev.tornadomoe.contract.BreachContract;
import dev.tornadomoe.contract.Breadth;
import dev.tornadomoe.contract.CallContract;
import dev.tornadomoe.contract.FootprintContract;
import dev.tornadomoe.contract.InterruptContract;
import dev.tornadomoe.contract.LifetimeContract;
import dev.tornadomoe.contract.MemoryContract;
import dev.tornadomoe.contract.RouterStatesContract;
import dev.tornadomoe.contract.RoutingContract;
import dev.tornadomoe.contract.StepContract;
import dev.tornadomoe.contract.TailContract;
import dev.tornadomoe.contract.TokenKeyContract;
import org.junit.jupiter.api.Nested;

/// The reference backend keeps every contract.
class ReferenceContractTest {

  @Nested
  class Arithmetic extends ArithmeticContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Routing extends RoutingContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Memory extends MemoryContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Footprint extends FootprintContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }

    /// Many layers take it long.
    @Override
    protected Breadth breadth() {
      return Breadth.askedOr(Breadth.NARROW);
    }
  }

  @Nested
  class Calls extends CallContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Lifetimes extends LifetimeContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Interrupts extends InterruptContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Steps extends StepContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Breaches extends BreachContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class Tails extends TailContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class TokenKeys extends TokenKeyContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }

  @Nested
  class RouterStates extends RouterStatesContract {
    @Override
    protected Backend backend() {
      return new ReferenceBackend();
    }
  }
}
