"""The quiz of lesson 07."""

from course_utils.exercises.specs import Option, Question

QUIZ = (
    Question(
        "A block adds to the residual stream instead of replacing it. What is that good for?",
        (
            Option(
                "It saves parameters: a sum has none.",
                "A sum has none, but it does not replace a matrix either. The number of parameters is the same.",
            ),
            Option(
                "What lower layers found stays in reach, and so does the way back for the gradient.",
                "A sum passes values forward and gradients back unchanged; no layer can close that way.",
                right=True,
            ),
            Option(
                "It keeps the numbers small.",
                "The stream grows with each sum. That is why each layer reads a normed copy.",
            ),
        ),
    ),
    Question(
        "A decoder is trained without its causal mask. Its training loss falls below what is possible. What has it "
        "learned?",
        (
            Option(
                "More than with the mask: it sees both sides.",
                "An encoder is trained so, but on words that are hidden from it. Here the answer itself is in sight.",
            ),
            Option(
                "To copy the next token from where it stands, which is no help when there is none.",
                "It writes at the last place, where nothing stands to the right. Its loss there is far worse.",
                right=True,
            ),
            Option(
                "Nothing: without a mask no gradient flows.",
                "Gradients flow, and they lead straight to the answer.",
            ),
        ),
    ),
    Question(
        "To write the next token, a decoder without a cache computes the text before it again. What does the cache "
        "keep of it?",
        (
            Option(
                "The keys and values of every layer.",
                "A new token's query meets them; nothing else of an old token is asked for again.",
                right=True,
            ),
            Option(
                "The weights of attention.",
                "Those belong to old queries. The new token has a query, and so weights, of its own.",
            ),
            Option(
                "Queries, keys and values of every layer.",
                "An old query has had its answer. Nobody asks it again, because no old token sees the new one.",
            ),
        ),
    ),
    Question(
        "A model has 9 query heads and 3 key/value heads. What is a third of what it would be with 9 of each?",
        (
            Option("The parameters", "Only the key and value matrices shrink; all others stay as they are."),
            Option("The work of scores and mixture", "Each of 9 query heads still meets every key."),
            Option(
                "The cache",
                "It holds keys and values of 3 heads instead of 9. That was the reason to share them.",
                right=True,
            ),
        ),
    ),
    Question(
        "SmolLM2: 135 million float32 weights, one text, 15 GB a second from memory. What bounds the speed of writing?",
        (
            Option(
                "The arithmetic: 270 million operations a token.",
                "A core does tens of billions a second or more. It waits for the weights.",
            ),
            Option(
                "Reading the weights: 0.54 GB a token, so about 28 tokens a second.",
                "Each token needs every weight once. Fewer bytes a weight make it faster; that is why int8 does.",
                right=True,
            ),
            Option(
                "Attention over the text so far.",
                "After 200 tokens the cache has about 9 megabytes, beside 540 of weights.",
            ),
        ),
    ),
)
