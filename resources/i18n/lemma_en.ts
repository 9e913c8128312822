<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="en" sourcelanguage="en">
<context>
    <name>Words</name>
    <message numerus="yes">
        <source>%n token(s)</source>
        <translation>
            <numerusform>%n token</numerusform>
            <numerusform>%n tokens</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>lemma::ui::ChatPageVm</name>
    <message numerus="yes">
        <source>Answer ready, %n word(s)</source>
        <translation>
            <numerusform>Answer ready, %n word</numerusform>
            <numerusform>Answer ready, %n words</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>lemma::ui::MessageListModel</name>
    <message numerus="yes">
        <source>The conversation is longer than the model&apos;s context: its %n oldest turn(s) were left out of what the model read.</source>
        <translation>
            <numerusform>The conversation is longer than the model&apos;s context: its oldest turn was left out of what the model read.</numerusform>
            <numerusform>The conversation is longer than the model&apos;s context: its %n oldest turns were left out of what the model read.</numerusform>
        </translation>
    </message>
</context>
<context>
    <name>lemma::ui::WindowVm</name>
    <message numerus="yes">
        <source>%n conversation(s) could be read and are here again.</source>
        <translation>
            <numerusform>%n conversation could be read and is here again.</numerusform>
            <numerusform>%n conversations could be read and are here again.</numerusform>
        </translation>
    </message>
</context>
</TS>
