package dev.tornadomoe.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/// The cases that `verify --json` prints.
final class VerifyCases {
  private VerifyCases() {}

  @SuppressWarnings("unchecked") // JSON objects have string keys
  static List<Map<String, Object>> of(MoeRun run) {
    assertThat(run.json()).containsOnlyKeys("cases");
    assertThat(run.json().get("cases")).isInstanceOf(List.class);
    List<Map<String, Object>> cases = new ArrayList<>();
    for (Object found : (List<?>) run.json().get("cases")) {
      cases.add((Map<String, Object>) found);
    }
    return cases;
  }
}
