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
      ExpertsCatalog.Choice choice = ExpertsCatalog.choose(layer);
      assertThat(choice.chosen().experts()).isInstanceOf(HybridExperts.class);
      assertThat(choice.chosen().prepareAndFinalize()).isInstanceOf(LocalPrepareAndFinalize.class);
      assertThat(choice.rejected()).isEmpty();
    }
  }

  @Test
  void theFirstThatCanIsChosenWithTheReasonsAgainstThoseBefore() {
    ModularMoe second = pieces(StubExperts.of(StubBody.oneStep()).named("second"));
    ExpertsCatalog.Choice choice =
        ExpertsCatalog.choose(
            SeededLayers.small(), List.of(pieces(picky()), second, pieces(picky())));

    assertThat(choice.chosen()).isSameAs(second);
    assertThat(choice.rejected()).containsExactly("picky: needs 8-bit weights, found [F32]");
  }

  @Test
  void saysEveryReasonWhenNoneCan() {
    assertThatThrownBy(() -> ExpertsCatalog.choose(SeededLayers.small(), List.of(pieces(picky()))))
        .isInstanceOf(ModularException.class)
        .hasMessage("layer 0: no experts can compute it (picky: needs 8-bit weights, found [F32])");
  }

  private static StubExperts picky() {
    return StubExperts.of(StubBody.oneStep())
        .named("picky")
        .refusing("needs 8-bit weights, found [F32]");
  }

  private static ModularMoe pieces(Experts experts) {
    return new ModularMoe(new LocalPrepareAndFinalize(), experts);
  }

  @ParameterizedTest
  @CsvSource({
    "fused, fused, local",
    "hybrid, hybrid, local",
    "Unreduced, unreduced, local",
    "BATCHED, batched, 'local, batched'"
  })
  void findsPiecesByName(String asked, String experts, String ends) {
    ModularMoe found = ExpertsCatalog.named(asked);

    assertThat(found.experts().name()).isEqualTo(experts);
    assertThat(found.prepareAndFinalize().name()).isEqualTo(ends);
  }

  @Test
  void namesTheKnownPiecesWhenAskedForOthers() {
    assertThatThrownBy(() -> ExpertsCatalog.named("marlin"))
        .isInstanceOf(ModularException.class)
        .hasMessageContainingAll("\"marlin\"", "hybrid", "fused", "unreduced", "batched");
  }

  @Test
  void onlyThoseThatWriteFinishedRowsOptIn() {
    assertThat(List.of(new FusedExperts(), new HybridExperts()))
        .allMatch(Experts::supportsOutputAlias);
    assertThat(List.of(new UnreducedExperts(), new BatchedExperts()))
        .noneMatch(Experts::supportsOutputAlias);
  }
}
