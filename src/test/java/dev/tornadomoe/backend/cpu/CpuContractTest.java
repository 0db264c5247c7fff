package dev.tornadomoe.backend.cpu;

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
import java.util.List;
import org.junit.jupiter.api.Nested;

/// The CPU backend keeps every contract.
class CpuContractTest {

  @Nested
  class Arithmetic extends ArithmeticContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Routing extends RoutingContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Memory extends MemoryContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Footprint extends FootprintContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }

    @Override
    protected List<Integer> threads() {
      return breadth() == Breadth.FULL ? List.of(1, 2, 16) : List.of(2);
    }

    @Override
    protected void withThreads(int count, Runnable run) {
      String before = System.getProperty(CpuBackend.THREADS_PROPERTY);
      System.setProperty(CpuBackend.THREADS_PROPERTY, Integer.toString(count));
      try {
        run.run();
      } finally {
        if (before == null) {
          System.clearProperty(CpuBackend.THREADS_PROPERTY);
        } else {
          System.setProperty(CpuBackend.THREADS_PROPERTY, before);
        }
      }
    }
  }

  @Nested
  class Calls extends CallContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Lifetimes extends LifetimeContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Interrupts extends InterruptContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Steps extends StepContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Breaches extends BreachContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class Tails extends TailContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class TokenKeys extends TokenKeyContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }

  @Nested
  class RouterStates extends RouterStatesContract {
    @Override
    protected Backend backend() {
      return new CpuBackend();
    }
  }
}
