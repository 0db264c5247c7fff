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
  void fourBitWeightsGoToTheHybridExperts() {
    ExpertsCatalog.Choice choice =
        ExpertsCatalog.choose(SeededLayers.of(8, 6, 4, 2).int4().layer());

    assertThat(choice.chosen().experts()).isInstanceOf(HybridW4A16Experts.class);
    assertThat(choice.chosen().prepareAndFinalize()).isInstanceOf(LocalPrepareAndFinalize.class);
    assertThat(choice.rejected()).isEmpty();
  }

  @Test
  void unquantisedWeightsGoToTheFusedExpertsWithTheReasonAgainstTheHybridOnes() {
    ExpertsCatalog.Choice choice = ExpertsCatalog.choose(SeededLayers.small());

    assertThat(choice.chosen().experts()).isInstanceOf(FusedExperts.class);
    assertThat(choice.rejected()).containsExactly("hybrid W4A16: needs 4-bit weights, found [F32]");
  }

  @Test
  void oneUnquantisedExpertIsEnoughAgainstTheHybridExperts() {
    MoeLayer dense = SeededLayers.of(8, 6, 2, 1).layer();
    MoeLayer int4 = SeededLayers.of(8, 6, 2, 1).int4().layer();
    ExpertWeights mixed =
        ExpertWeights.of(
            List.of(dense.experts().local().getFirst(), int4.experts().local().getLast()),
            Activation.SILU);

    ExpertsCatalog.Choice choice =
        ExpertsCatalog.choose(new MoeLayer(3, 1, dense.router(), mixed, null, false));

    assertThat(choice.chosen().experts()).isInstanceOf(FusedExperts.class);
    assertThat(choice.rejected())
        .singleElement()
        .asString()
        .startsWith("hybrid W4A16: needs 4-bit weights")
        .contains("F32", "int4 g4");
  }

  @ParameterizedTest
  @CsvSource({
    "fused, fused, local",
    "hybrid, hybrid W4A16, local",
    "Unreduced, unreduced, local",
    "BATCHED, batched, 'local, batched'"
  })
  void findsPiecesByFirstWord(String asked, String experts, String ends) {
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
    assertThat(List.of(new FusedExperts(), new HybridW4A16Experts()))
        .allMatch(Experts::supportsOutputAlias);
    assertThat(List.of(new UnreducedExperts(), new BatchedExperts()))
        .noneMatch(Experts::supportsOutputAlias);
  }
}
