package dev.tornadomoe.parallel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.Arrays;

/// Where a call's tokens go: each token once to every rank that holds some of its experts, in the
/// order of the ranks and then of the tokens. A rank that is alone gets every token, whatever its
/// experts. Beside it, how many rows came in from each rank.
final class Routes {
  private static final ValueLayout.OfInt INT = ValueLayout.JAVA_INT_UNALIGNED;

  private final ExpertPlacement placement;
  private final int self;
  private final int topK;
  private final int[] firstRow;

  /// For each other rank the first of its rows among the received, and how many they are.
  private final int[] firstReceived;

  private final int[] received;

  /// How many of our own rows lie before those of others; the rest lies behind them.
  private int ownFirst;

  /// Behind the last row that another rank has sent.
  private int behindOthers;

  /// For each rank the last token that was found to go there.
  private final int[] lastToken;

  private int[] rankOfPair = new int[0];
  private int[] tokenOfRow = new int[0];

  Routes(ExpertPlacement placement, int self, int topK) {
    this.placement = placement;
    this.self = self;
    this.topK = topK;
    this.firstRow = new int[placement.ranks() + 1];
    this.firstReceived = new int[placement.ranks()];
    this.received = new int[placement.ranks()];
    this.lastToken = new int[placement.ranks()];
  }

  /// Finds out.
  ///
  /// @param ids chosen experts `[tokens, k]`, I32
  void assign(MemorySegment ids, int tokens) {
    int ranks = placement.ranks();
    if (rankOfPair.length < tokens * topK) {
      rankOfPair = new int[tokens * topK];
      tokenOfRow = new int[tokens * Math.min(topK, ranks)];
    }
    Arrays.fill(firstRow, 0);
    Arrays.fill(lastToken, -1);
    for (int token = 0; token < tokens; token++) {
      for (int slot = 0; slot < topK; slot++) {
        int pair = token * topK + slot;
        int rank = placement.holder(ids.get(INT, pair * 4L), self, token);
        rankOfPair[pair] = rank;
        int receiver = receiver(pair);
        if (receiver >= 0 && lastToken[receiver] != token) {
          lastToken[receiver] = token;
          firstRow[receiver + 1]++;
        }
      }
    }
    for (int rank = 0; rank < ranks; rank++) {
      firstRow[rank + 1] += firstRow[rank];
    }
    // The beginning of each rank's run moves up to its end while it is filled.
    Arrays.fill(lastToken, -1);
    for (int token = 0; token < tokens; token++) {
      for (int slot = 0; slot < topK; slot++) {
        int receiver = receiver(token * topK + slot);
        if (receiver >= 0 && lastToken[receiver] != token) {
          lastToken[receiver] = token;
          tokenOfRow[firstRow[receiver]++] = token;
        }
      }
    }
    for (int rank = ranks; rank > 0; rank--) {
      firstRow[rank] = firstRow[rank - 1];
    }
    firstRow[0] = 0;
  }

  /// Who gets the token of a pair because of it; negative for nobody.
  private int receiver(int pair) {
    return placement.ranks() == 1 ? 0 : rankOfPair[pair];
  }

  /// The first row for a rank, among all that are sent; for `ranks` the number of all.
  int firstRow(int rank) {
    return firstRow[rank];
  }

  /// How many rows are sent, those to this rank too.
  int allRows() {
    return firstRow[placement.ranks()];
  }

  /// How many tokens go to a rank.
  int rows(int rank) {
    return firstRow[rank + 1] - firstRow[rank];
  }

  /// The token behind a row.
  ///
  /// @param row among all that are sent
  int token(int row) {
    return tokenOfRow[row];
  }

  /// Whether an expert of a token is on a rank.
  ///
  /// @param pair `token*k + slot`
  boolean goesTo(int rank, int pair) {
    return rankOfPair[pair] == rank;
  }

  /// Begins to count what comes in.
  ///
  /// @param own how many of our own rows lie before those of others
  void beginReceiving(int own) {
    ownFirst = own;
    behindOthers = own;
  }

  /// Notes what another rank has sent.
  ///
  /// @param rows 0 or more, behind those of the ranks before
  void receive(int rank, int rows) {
    firstReceived[rank] = behindOthers;
    received[rank] = rows;
    behindOthers += rows;
  }

  /// Another rank's first row among the received.
  int firstReceived(int rank) {
    return firstReceived[rank];
  }

  /// How many rows another rank has sent.
  int received(int rank) {
    return received[rank];
  }

  /// How many of our own rows lie before those of others.
  int ownFirst() {
    return ownFirst;
  }

  /// Behind the last row that another rank has sent: the rest of our own begins there.
  int behindOthers() {
    return behindOthers;
  }

  /// The place of one of our own rows among the received.
  ///
  /// @param row from 0
  int placeOfOwn(int row) {
    return row < ownFirst ? row : behindOthers - ownFirst + row;
  }

  /// How many rows the experts get.
  int allReceived() {
    return behindOthers - ownFirst + rows(self);
  }

  /// Writes the router's weights `[rows, k]` beside these ids.
  ///
  /// @param weights of the tokens `[tokens, k]`
  void writeWeights(MemorySegment weights, MemorySegment target) {
    long bytes = (long) topK * Float.BYTES;
    for (int row = 0; row < allRows(); row++) {
      MemorySegment.copy(weights, tokenOfRow[row] * bytes, target, row * bytes, bytes);
    }
  }

  /// Writes what each rank must know of its rows: their experts there `[rows, k]`, by the router's
  /// numbers, and -1 in the slots of the others.
  void writeIds(MemorySegment ids, MemorySegment target) {
    for (int rank = 0; rank < placement.ranks(); rank++) {
      for (int row = firstRow[rank]; row < firstRow[rank + 1]; row++) {
        for (int slot = 0; slot < topK; slot++) {
          int pair = tokenOfRow[row] * topK + slot;
          int id = goesTo(rank, pair) ? ids.get(INT, pair * 4L) : -1;
          target.set(INT, ((long) row * topK + slot) * 4, id);
        }
      }
    }
  }
}
