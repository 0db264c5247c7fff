package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.plan.MoePlan;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;

/// What the contracts have in common: the backend, and what it says that it can't run. It has to
/// refuse that in one sentence then, instead of keeping the contract.
public abstract class BackendContract {
  /// All of our own experts, by name.
  static final List<String> EXPERTS = List.of("fused", "hybrid", "unreduced", "batched");

  /// The backend under test.
  protected abstract Backend backend();

  /// What it can't run by design.
  protected Set<Need> refuses() {
    return Set.of();
  }

  /// How broad its sweeps are.
  protected Breadth breadth() {
    return Breadth.askedOr(Breadth.FULL);
  }

  /// A test of each value.
  static <T> Stream<DynamicTest> each(List<T> values, Consumer<T> test) {
    return values.stream()
        .map(value -> DynamicTest.dynamicTest(value.toString(), () -> test.accept(value)));
  }

  /// A test with each of our own experts, or with one of them where sweeps are narrow.
  final Stream<DynamicTest> withExperts(String one, Consumer<String> test) {
    return each(breadth() == Breadth.FULL ? EXPERTS : List.of(one), test);
  }

  /// Numbers of tokens, few where sweeps are narrow: a device compiles kernels for each range of
  /// them.
  final int[] tokens(int... narrow) {
    return breadth() == Breadth.FULL ? new int[] {1, 4, 5, 6, 33} : narrow;
  }

  /// Whether the plan needs what the backend can't run by design; if so, it was refused just now.
  final boolean isRefused(MoePlan plan) {
    Set<Need> refused = Need.of(plan);
    refused.retainAll(refuses());
    if (refused.isEmpty()) {
      return false;
    }
    assertThatThrownBy(() -> backend().prepare(plan))
        .isInstanceOf(BackendException.class)
        .hasMessageMatching("layer \\d+: [^\\n]* can't run on [^\\n]*; [^\\n]*")
        .message()
        .containsAnyOf(refused.stream().map(Need::words).toArray(String[]::new));
    return true;
  }
}
