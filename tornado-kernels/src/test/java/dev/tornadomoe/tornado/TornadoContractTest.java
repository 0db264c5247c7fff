package dev.tornadomoe.tornado;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.contract.ArithmeticContract;
import dev.tornadomoe.contract.BreachContract;
import dev.tornadomoe.contract.CallContract;
import dev.tornadomoe.contract.MemoryContract;
import dev.tornadomoe.contract.Need;
import dev.tornadomoe.contract.RoutingContract;
import dev.tornadomoe.contract.StepContract;
import java.util.EnumSet;
import java.util.Set;
import org.junit.jupiter.api.Nested;

/// The TornadoVM backend keeps every contract, on whatever device there is, and refuses what only
/// the host can run.
class TornadoContractTest {

  @Nested
  class Arithmetic extends ArithmeticContract {
    @Override
    protected Backend backend() {
      return new TornadoBackend();
    }

    @Override
    protected Set<Need> refuses() {
      return EnumSet.allOf(Need.class);
    }
  }

  @Nested
  class Routing extends RoutingContract {
    @Override
    protected Backend backend() {
      return new TornadoBackend();
    }
  }

  @Nested
  class Memory extends MemoryContract {
    @Override
    protected Backend backend() {
      return new TornadoBackend();
    }

    @Override
    protected Set<Need> refuses() {
      return EnumSet.allOf(Need.class);
    }
  }

  @Nested
  class Calls extends CallContract {
    @Override
    protected Backend backend() {
      return new TornadoBackend();
    }

    @Override
    protected Set<Need> refuses() {
      return EnumSet.allOf(Need.class);
    }
  }

  @Nested
  class Steps extends StepContract {
    @Override
    protected Backend backend() {
      return new TornadoBackend();
    }

    @Override
    protected Set<Need> refuses() {
      return EnumSet.allOf(Need.class);
    }
  }

  @Nested
  class Breaches extends BreachContract {
    @Override
    protected Backend backend() {
      return new TornadoBackend();
    }

    @Override
    protected Set<Need> refuses() {
      return EnumSet.allOf(Need.class);
    }
  }
}
