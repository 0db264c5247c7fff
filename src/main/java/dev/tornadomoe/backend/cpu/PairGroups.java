package dev.tornadomoe.backend.cpu;

import dev.tornadomoe.backend.host.BufferRef;
import dev.tornadomoe.layer.ExpertMap;

/// Each pair on its own: for few tokens.
final class PairGroups implements TokenGroups {
  private final ExpertMap map;
  private final BufferRef ids;
  private final int topK;
  private final int[] pairs;
  private final int[] experts;

  PairGroups(ExpertMap map, BufferRef ids, int topK, int maxTokens) {
    this.map = map;
    this.ids = ids;
    this.topK = topK;
    this.pairs = new int[maxTokens * topK];
    this.experts = new int[maxTokens * topK];
  }

  @Override
  public int begin(int tokens) {
    int groups = 0;
    for (int pair = 0; pair < tokens * topK; pair++) {
      int expert = map.localOf(ids.getInt(pair));
      if (expert >= 0) {
        pairs[groups] = pair;
        experts[groups++] = expert;
      }
    }
    return groups;
  }

  @Override
  public int most(int maxTokens) {
    return 1;
  }

  @Override
  public int projection(int group) {
    return experts[group];
  }

  @Override
  public int size(int group) {
    return 1;
  }

  @Override
  public long input(int group, int i) {
    return pairs[group] / topK;
  }

  @Override
  public long output(int group, int i) {
    return pairs[group];
  }
}
