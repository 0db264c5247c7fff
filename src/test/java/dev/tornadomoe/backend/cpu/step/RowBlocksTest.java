package dev.tornadomoe.backend.cpu.step;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class RowBlocksTest {
  private static final int EXPERTS = 3;

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 5, 127, 128, 129, 300, 1000})
  void coverEveryRowOfEveryExpertOnce(int rows) {
    int[] sizes = {rows, 0, 7};
    RowBlocks blocks =
        new RowBlocks(2000, new int[RowBlocks.indices(EXPERTS, 2000, rows + sizes[2])]);
    blocks.clear();
    for (int expert = 0; expert < EXPERTS; expert++) {
      blocks.add(expert, sizes[expert]);
    }
    int[] next = new int[EXPERTS];
    for (int block = 0; block < blocks.count(); block++) {
      int expert = blocks.expert(block);
      assertThat(blocks.first(block)).isEqualTo(next[expert]);
      assertThat(blocks.size(block)).isBetween(1, Scratch.TOKENS);
      next[expert] += blocks.size(block);
    }
    assertThat(next).isEqualTo(sizes);
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 1, 3, 200})
  void haveNoMoreRowsThanTokensCanBe(int maxTokens) {
    RowBlocks blocks = new RowBlocks(maxTokens, new int[RowBlocks.indices(1, maxTokens, 400)]);
    blocks.add(0, 400);
    for (int block = 0; block < blocks.count(); block++) {
      assertThat(blocks.size(block)).isBetween(1, Math.max(1, maxTokens));
    }
  }
}
