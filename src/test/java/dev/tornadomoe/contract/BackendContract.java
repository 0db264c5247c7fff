package dev.tornadomoe.contract;

import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.backend.Backend;
import dev.tornadomoe.backend.BackendException;
import dev.tornadomoe.plan.MoePlan;
import java.util.Set;

/// What the contracts have in common: the backend, and what it says that it can't run. It has to
/// refuse that in one sentence then, instead of keeping the contract.
public abstract class BackendContract {

  /// The backend under test.
  protected abstract Backend backend();

  /// What it can't run by design.
  protected Set<Need> refuses() {
    return Set.of();
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
