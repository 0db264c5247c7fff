package dev.tornadomoe.layer.gguf;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.tornadomoe.MoeException;
import dev.tornadomoe.checkpoint.Checkpoint;
import dev.tornadomoe.layer.Activation;
import dev.tornadomoe.layer.MoeLayer;
import dev.tornadomoe.layer.TopKGating;
import dev.tornadomoe.layer.family.MoeModel;
import java.nio.file.Path;
import java.util.Objects;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;

/// How each architecture routes, as llama.cpp's graphs have it.
class GgufRoutingTest {
  @TempDir Path directory;

  @ParameterizedTest
  @CsvSource({
    "llama, SOFTMAX, true",
    "dbrx, SOFTMAX, true",
    "qwen2moe, SOFTMAX, false",
    "qwen3moe, SOFTMAX, true",
    "qwen3vlmoe, SOFTMAX, true",
    "qwen3next, SOFTMAX, true",
    "qwen35moe, SOFTMAX, true",
    "deepseek, SOFTMAX, false",
    "deepseek2, SOFTMAX, false",
    "glm4moe, SIGMOID, false",
    "bailingmoe, SOFTMAX, false",
    "ernie4_5-moe, SOFTMAX, true",
    "hunyuan-moe, SOFTMAX, true",
    "minimax-m2, SIGMOID, true",
    "afmoe, SIGMOID, false",
    "olmoe, SOFTMAX, false",
    "granitemoe, SOFTMAX, true",
    "granitehybrid, SOFTMAX, true",
    "phimoe, SOFTMAX, true",
    "jamba, SOFTMAX, false",
    "gpt-oss, SOFTMAX_OF_SELECTED, false",
    "llama4, SIGMOID_OF_SELECTED, false"
  })
  void routesAsLlamaCppDoes(String architecture, TopKGating.Scoring scoring, boolean renormalise) {
    int topK = architecture.equals("llama4") ? 1 : 2;
    MoeLayer layer = layer(block(architecture).key("expert_used_count", topK));
    assertThat(Objects.requireNonNull(layer.router()).gating())
        .isEqualTo(new TopKGating(topK, scoring, null, renormalise, 1));
    assertThat(layer.routerWeightOnInput()).isEqualTo(architecture.equals("llama4"));
    assertThat(layer.experts().activation())
        .isEqualTo(architecture.equals("gpt-oss") ? Activation.swigluOai(7) : Activation.SILU);
  }

  @ParameterizedTest
  @CsvSource({
    "deepseek2, 1, SOFTMAX",
    "deepseek2, 2, SIGMOID",
    "deepseek2, 3, SOFTMAX_OF_SELECTED",
    "glm4moe, 1, SOFTMAX",
    "dots1, 2, SIGMOID",
    "bailingmoe2, 2, SIGMOID",
    "lfm2moe, 2, SIGMOID",
    "exaone-moe, 2, SIGMOID"
  })
  void someArchitecturesSayHowTheyScore(
      String architecture, int function, TopKGating.Scoring scoring) {
    MoeLayer layer = layer(block(architecture).key("expert_gating_func", function));
    TopKGating gating = (TopKGating) Objects.requireNonNull(layer.router()).gating();
    assertThat(gating.scoring()).isEqualTo(scoring);
  }

  @Test
  void weightsAreRenormalisedAndScaledAsTheKeysSay() {
    GgufBlock block =
        block("deepseek2")
            .key("expert_gating_func", 2)
            .key("expert_weights_norm", true)
            .key("expert_weights_scale", 2.5f)
            .key("expert_count", 3)
            .key("expert_group_count", 1);
    assertThat(Objects.requireNonNull(layer(block).router()).gating())
        .isEqualTo(new TopKGating(2, TopKGating.Scoring.SIGMOID, null, true, 2.5f));
    assertThat(
            Objects.requireNonNull(layer(block.key("expert_weights_scale", 0f)).router()).gating())
        .isEqualTo(new TopKGating(2, TopKGating.Scoring.SIGMOID, null, true, 1));
  }

  @Test
  void groupsAreJudgedByTheirBestTwo() {
    GgufBlock block =
        block("deepseek2")
            .key("expert_count", 8)
            .key("expert_group_count", 4)
            .key("expert_group_used_count", 2)
            .put("ffn_gate_inp.weight", 8, GgufBlock.H)
            .put("ffn_gate_exps.weight", 8, GgufBlock.I, GgufBlock.H)
            .put("ffn_up_exps.weight", 8, GgufBlock.I, GgufBlock.H)
            .put("ffn_down_exps.weight", 8, GgufBlock.H, GgufBlock.I);
    TopKGating gating = (TopKGating) Objects.requireNonNull(layer(block).router()).gating();
    assertThat(gating.groups())
        .isEqualTo(new TopKGating.Groups(4, 2, TopKGating.GroupScore.SUM_OF_TWO));
  }

  @ParameterizedTest
  @ValueSource(strings = {"dots1", "bailingmoe2", "lfm2moe", "exaone-moe"})
  void theScoringMustBeSaidWhereThereIsNoUsualOne(String architecture) {
    assertRefused(block(architecture), "no \"" + architecture + ".expert_gating_func\"");
  }

  @Test
  void saysWhatIsWrong() {
    assertRefused(new GgufBlock("gemma2"), "\"gemma2\" is not supported", "qwen3moe", "deepseek2");
    assertRefused(block("deepseek2").key("expert_gating_func", 4), "expert_gating_func\" is 4");
    assertRefused(block("qwen3moe").key("expert_gating_func", 2), "is 2", "only 1");
    assertRefused(block("olmoe").withoutKey("expert_count"), "no \"olmoe.expert_count\"");
    assertRefused(block("olmoe").withoutKey("embedding_length"), "no \"olmoe.embedding_length\"");
    assertRefused(block("olmoe").key("expert_used_count", 4), "top-k is 4", "3 experts");
    assertRefused(block("olmoe").key("expert_used_count", 0), "expert_used_count", "found 0");
    assertRefused(block("olmoe").key("block_count", 2_000_000), "block_count", "at most 100000");
    assertRefused(
        block("deepseek2").key("expert_group_count", 3),
        "no \"deepseek2.expert_group_used_count\"");
  }

  private static GgufBlock block(String architecture) {
    GgufBlock block = new GgufBlock(architecture);
    return Architecture.named(architecture).has(Architecture.Part.SHARED_GATE)
        ? block.withShared().put("ffn_gate_inp_shexp.weight", GgufBlock.H)
        : block;
  }

  private MoeLayer layer(GgufBlock block) {
    try (Checkpoint checkpoint = Checkpoint.open(block.write(directory))) {
      return MoeModel.of(checkpoint).layer(0);
    }
  }

  private void assertRefused(GgufBlock block, String... says) {
    try (Checkpoint checkpoint = Checkpoint.open(block.write(directory))) {
      assertThatThrownBy(() -> MoeModel.of(checkpoint))
          .isInstanceOf(MoeException.class)
          .hasMessageStartingWith(directory.resolve("model.gguf").toString())
          .hasMessageContainingAll(says);
    }
  }
}
