package dev.tornadomoe.modular;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.ExpertWeights;
import dev.tornadomoe.layer.MoeLayer;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ExpertsCatalogTest {
  private static final Problem PROBLEM = Problem.of(SeededLayers.small(), 3);

  @Test
  void theHybridExpertsTakeEveryWeightFormat() {
    MoeLayer dense = SeededLayers.of(8, 6, 2, 1).layer();
    MoeLayer int4 = SeededLayers.of(8, 6, 2, 1).int4().layer();
    ExpertWeights mixed =
        ExpertWeights.of(
            List.of(dense.experts().local().getFirst(), int4.experts().local().getLast()),
            Activation.SILU);

    for (MoeLayer layer :
        List.of(dense, int4, new MoeLayer(3, 1, dense.router(), mixed, null, false))) {
      assertThat(ExpertsCatalog.preferred().experts().supports(layer)).isEqualTo(Support.yes());
    }
  }

  @ParameterizedTest
  @CsvSource({
    "fused, fused, local",
    "hybrid, hybrid, local",
    "Unreduced, unreduced, local",
    "BATCHED, batched, 'local, batched'"
  })
  void findsPiecesByName(String asked, String experts, String prepareAndFinalize) {
    ModularMoe found = ExpertsCatalog.named(asked);

    assertThat(found.experts().name()).isEqualTo(experts);
    assertThat(found.prepareAndFinalize().name()).isEqualTo(prepareAndFinalize);
  }

  @Test
  void namesTheKnownPiecesWhenAskedForOthers() {
    assertThatThrownBy(() -> ExpertsCatalog.named("marlin"))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("\"marlin\"", "hybrid", "fused", "unreduced", "batched");
  }

  /// Rows that a caller can take as they are: sums, or one for each pair, which it sums itself.
  @Test
  void onlyThoseThatWriteRowsForCallersOptIn() {
    assertThat(List.of(new FusedExperts(), new HybridExperts(), new UnreducedExperts()))
        .allMatch(experts -> experts.supportsOutputAlias(PROBLEM));
    assertThat(new BatchedExperts().supportsOutputAlias(PROBLEM)).isFalse();
  }
}
